"""The report's section on the product: what the recipe says of it in `output.collection`."""

from __future__ import annotations

from scenefleet.recipe import ProviderPart, PublishedPart
from scenefleet.results.text import escape


def draw_about(about: PublishedPart) -> str:
    """The section as HTML; empty where the recipe says nothing of the product."""
    if about.model_copy(update={"title": None}) == PublishedPart():
        return ""
    told = f'<p class="told">{escape(about.description)}</p>' if about.description else ""
    facts = [
        ("Licence", _linked(about.license, about.license_url)),
        ("Providers", "<br>".join(map(_provider, about.providers))),
        ("Keywords", escape(", ".join(about.keywords))),
    ]
    rows = "".join(f"<div><dt>{name}</dt><dd>{value}</dd></div>" for name, value in facts if value)
    return f"""<section id="about" aria-labelledby="about-head"><h2 id="about-head">Product</h2>
{told}<dl class="about">{rows}</dl>
</section>"""


def _linked(text: str, url: str | None) -> str:
    shown = escape(text)
    return f'<a href="{escape(url)}" rel="noreferrer">{shown}</a>' if url else shown


def _provider(provider: ProviderPart) -> str:
    more = f", {escape(provider.description)}" if provider.description else ""
    roles = escape(", ".join(provider.roles))
    return f"{_linked(provider.name, provider.url)}{more}" + (f" ({roles})" if roles else "")
