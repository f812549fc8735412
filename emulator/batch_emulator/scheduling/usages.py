"""What pools use is written down, from a pool's first node to its end."""

from __future__ import annotations

from batch_emulator.service import Service
from batch_emulator.state.pool import Pool
from batch_emulator.state.usage import Usage


def begin_usage(service: Service, pool: Pool) -> None:
    """Write down what a new pool uses; forget pools that have been gone for long."""
    now = service.now()
    for old in [usage for usage in service.account.usages if not usage.is_known(now)]:
        old.gone = True
        old.mark()
        service.account.usages.remove(old)
    pool.usage = Usage(
        id=pool.id,
        created=pool.created,
        ledger=service.ledger,
        pool=pool.sequence,
        vm_size=pool.spec["vmSize"],
    )
    service.account.usages.append(pool.usage)
