"""Every property that a pool may have, as the client's models write it: taken, and given back."""

from datetime import timedelta

import pytest
from azure.batch import models as m

from batch_emulator.wire.iso8601 import parse_duration

LINUX = m.BatchVmImageReference(
    publisher="canonical", offer="0001-com-ubuntu-server-jammy", sku="22_04-lts"
)
WINDOWS = m.BatchVmImageReference(
    publisher="microsoftwindowsserver", offer="windowsserver", sku="2022-datacenter-smalldisk"
)
GALLERY = "/subscriptions/s/resourceGroups/g/providers/Microsoft.Compute/galleries/a"
IDENTITY = m.BatchNodeIdentityReference(resource_id="/subscriptions/s/identities/i")
EXTENSION = m.VMExtension(
    name="secrets", publisher="Microsoft.Azure.KeyVault", type="KeyVaultForLinux",
    type_handler_version="2.0", auto_upgrade_minor_version=True, enable_automatic_upgrade=True,
    settings={"a": "b"}, protected_settings={"c": "s3cret"}, provision_after_extensions=["other"],
)  # fmt: skip
WEB = m.BatchInboundNatPool(
    name="web", protocol="udp", backend_port=64444, frontend_port_range_start=60000,
    frontend_port_range_end=61000,
    network_security_group_rules=[
        m.NetworkSecurityGroupRule(priority=150, access="allow", source_address_prefix="*"),
        m.NetworkSecurityGroupRule(priority=4096, access="deny", source_address_prefix="10.0.0.0/8",
                                   source_port_ranges=["1", "2-3"]),
    ],
)  # fmt: skip
UPGRADE = m.UpgradePolicy(
    mode="rolling",
    automatic_os_upgrade_policy=m.AutomaticOsUpgradePolicy(
        disable_automatic_rollback=True, enable_automatic_os_upgrade=True,
        use_rolling_upgrade_policy=True, os_rolling_upgrade_deferral=True,
    ),
    rolling_upgrade_policy=m.RollingUpgradePolicy(
        enable_cross_zone_upgrade=True, max_batch_instance_percent=20,
        max_unhealthy_instance_percent=20, max_unhealthy_upgraded_instance_percent=20,
        pause_time_between_batches=timedelta(seconds=5), prioritize_unhealthy_instances=False,
        rollback_failed_instances_on_policy_breach=False,
    ),
)  # fmt: skip
MOUNTS = [
    m.MountConfiguration(azure_blob_file_system_configuration=m.AzureBlobFileSystemConfiguration(
        account_name="a", container_name="c", account_key="s3cret", relative_mount_path="one",
        blobfuse_options="-o attr_timeout=240")),
    m.MountConfiguration(azure_blob_file_system_configuration=m.AzureBlobFileSystemConfiguration(
        account_name="a", container_name="c", sas_key="s3cret", relative_mount_path="two")),
    m.MountConfiguration(azure_blob_file_system_configuration=m.AzureBlobFileSystemConfiguration(
        account_name="a", container_name="c", identity_reference=IDENTITY,
        relative_mount_path="three")),
    m.MountConfiguration(nfs_mount_configuration=m.NfsMountConfiguration(
        source="10.0.0.4:/share", relative_mount_path="four", mount_options="-o vers=3")),
    m.MountConfiguration(cifs_mount_configuration=m.CifsMountConfiguration(
        username="u", password="s3cret", source="//a/b", relative_mount_path="five")),
    m.MountConfiguration(azure_file_share_configuration=m.AzureFileShareConfiguration(
        account_name="a", account_key="s3cret", azure_file_url="https://a/b",
        relative_mount_path="six")),
]  # fmt: skip
REGISTRIES = [
    m.ContainerRegistryReference(registry_server="a.azurecr.io", username="u", password="s3cret"),
    m.ContainerRegistryReference(registry_server="b.azurecr.io", identity_reference=IDENTITY),
]
START = m.BatchStartTask(
    command_line="/bin/true",
    resource_files=[
        m.ResourceFile(http_url="https://a/b", file_path="b", file_mode="0755"),
        m.ResourceFile(storage_container_url="https://a/c", blob_prefix="p", file_path="d"),
        m.ResourceFile(storage_container_url="https://a/c", identity_reference=IDENTITY),
    ],
    environment_settings=[
        m.EnvironmentSetting(name="A", value="b"),
        m.EnvironmentSetting(name="EMPTY", value=""),
        m.EnvironmentSetting(name="NONE"),
    ],
    user_identity=m.UserIdentity(
        auto_user=m.AutoUserSpecification(scope="pool", elevation_level="admin")
    ),
    max_task_retry_count=-1,
    wait_for_success=False,
)


def machine(**changes):
    given = {"image_reference": LINUX, "node_agent_sku_id": "batch.node.ubuntu 22.04", **changes}
    return {"virtual_machine_configuration": m.VirtualMachineConfiguration(**given)}


def image(**given):
    return machine(image_reference=m.BatchVmImageReference(**given))


def windows(**changes):
    return machine(image_reference=WINDOWS, node_agent_sku_id="batch.node.windows amd64", **changes)


def network(**given):
    return {"network_configuration": m.NetworkConfiguration(**given)}


def addresses(**given):
    return network(public_ip_address_configuration=m.BatchPublicIpAddressConfiguration(**given))


def users(*given):
    return {"user_accounts": [m.UserAccount(password="s3cret", **one) for one in given]}


PROPERTIES = {
    "image of a gallery": image(virtual_machine_image_id=f"{GALLERY}/images/b/versions/1.0.0"),
    "shared image": image(shared_gallery_image_id="/sharedGalleries/a/images/b/versions/1"),
    "community image": image(community_gallery_image_id="/communityGalleries/a/images/b"),
    "windows": windows(
        windows_configuration=m.WindowsConfiguration(enable_automatic_updates=False),
        license_type="Windows_Server",
    ),
    "data disks": machine(data_disks=[
        m.DataDisk(logical_unit_number=0, disk_size_gb=50),
        m.DataDisk(logical_unit_number=1, disk_size_gb=50, caching="none",
                   managed_disk=m.ManagedDisk(storage_account_type="premium_lrs")),
    ]),
    "system disk": machine(os_disk=m.BatchOsDisk(
        ephemeral_os_disk_settings=m.BatchDiffDiskSettings(placement="cachedisk"),
        caching="readonly", disk_size_gb=100, write_accelerator_enabled=True,
        managed_disk=m.ManagedDisk(
            storage_account_type="standardssd_lrs",
            security_profile=m.BatchVmDiskSecurityProfile(
                security_encryption_type="VMGuestStateOnly"),
        ),
    )),
    "disk encryption": machine(disk_encryption_configuration=m.DiskEncryptionConfiguration(
        targets=["osdisk", "temporarydisk"])),
    "zones": machine(node_placement_configuration=m.BatchNodePlacementConfiguration(
        policy="zonal")),
    "extensions": machine(extensions=[EXTENSION]),
    "trusted launch": machine(security_profile=m.SecurityProfile(
        security_type="trustedLaunch", encryption_at_host=True,
        proxy_agent_settings=m.ProxyAgentSettings(enabled=True),
        uefi_settings=m.BatchUefiSettings(secure_boot_enabled=True, vtpm_enabled=True))),
    "confidential machines": machine(security_profile=m.SecurityProfile(
        security_type="confidentialvm", encryption_at_host=False,
        uefi_settings=m.BatchUefiSettings(secure_boot_enabled=True, vtpm_enabled=True))),
    "service artifact": machine(service_artifact_reference=m.ServiceArtifactReference(
        id=f"{GALLERY}/serviceArtifacts/s/vmArtifactsProfiles/p")),
    "containers": machine(container_configuration=m.BatchContainerConfiguration(
        type="dockerCompatible", container_image_names=["busybox"],
        container_registries=REGISTRIES)),
    "other containers": machine(container_configuration=m.BatchContainerConfiguration(
        type="criCompatible")),
    "NAT pools": network(endpoint_configuration=m.BatchPoolEndpointConfiguration(
        inbound_nat_pools=[WEB])),
    "subnet": network(subnet_id="/subscriptions/6f1d2c5e-1111-2222-3333-444444444444/x",
                      dynamic_vnet_assignment_scope="job", enable_accelerated_networking=True),
    "own addresses": addresses(ip_address_provisioning_type="usermanaged", ip_address_ids=["/x"]),
    "no addresses": addresses(ip_address_provisioning_type="nopublicipaddresses"),
    "two families": addresses(
        ip_address_provisioning_type="batchmanaged", ip_families=["IPv4", "IPv6"],
        ip_tags=[m.IPTag(ip_tag_type="FirstPartyUsage", tag="/x")]),
    "users": users(
        {"name": "one"},
        {"name": "two", "elevation_level": "admin",
         "linux_user_configuration": m.LinuxUserConfiguration(
             uid=1, gid=2, ssh_private_key="s3cret")}),
    "users of windows": windows() | users({
        "name": "one", "windows_user_configuration": m.WindowsUserConfiguration(
            login_mode="interactive")}),
    "mounts": {"mount_configuration": MOUNTS},
    "upgrades": {"upgrade_policy": UPGRADE},
    "start task": {"start_task": START},
    "placement of tasks": {
        "task_slots_per_node": 8,
        "task_scheduling_policy": m.BatchTaskSchedulingPolicy(
            node_fill_type="pack", job_default_order="creationtime")},
    "a formula": {"enable_auto_scale": True, "auto_scale_formula": "$TargetDedicatedNodes=0",
                  "auto_scale_evaluation_interval": timedelta(hours=168)},
    "names": {"display_name": "名前", "enable_inter_node_communication": True,
              "resize_timeout": timedelta(minutes=5), "target_low_priority_nodes": 0,
              "metadata": [m.BatchMetadataItem(name="a", value=""),
                           m.BatchMetadataItem(name="a", value="b")]},
}  # fmt: skip


@pytest.mark.parametrize("name", PROPERTIES)
def test_a_pool_is_made_and_told_as_it_was_given(batch, name):
    given = {**machine(), **PROPERTIES[name]}
    pool = m.BatchPoolCreateOptions(id=batch.name("pool"), vm_size="Standard_D2_v2", **given)
    batch.client.create_pool(pool)
    batch.pools.append(pool.id)
    answer = batch.raw("GET", f"/pools/{pool.id}")
    assert "s3cret" not in answer.text
    within(pool.as_dict(), answer.json())


@pytest.mark.parametrize("name", ["containers", "users", "mounts", "start task", "data disks"])
def test_so_is_the_pool_of_a_job(batch, name):
    given = {**machine(), **PROPERTIES[name]}
    wanted = m.BatchPoolSpecification(vm_size="Standard_D2_v2", **given)
    auto = m.BatchAutoPoolSpecification(pool_lifetime_option="job", pool=wanted)
    job = m.BatchJobCreateOptions(
        id=batch.name("job"), pool_info=m.BatchPoolInfo(auto_pool_specification=auto)
    )
    batch.client.create_job(job)
    answer = batch.raw("GET", f"/jobs/{job.id}")
    assert "s3cret" not in answer.text
    within(wanted.as_dict(), answer.json()["poolInfo"]["autoPoolSpecification"]["pool"])
    batch.raw("DELETE", f"/jobs/{job.id}")


def within(given, told):
    """Whether all that was given is told, but for secrets and in the service's way of writing."""
    if isinstance(given, dict):
        for name, value in given.items():
            if value not in ("s3cret", {"c": "s3cret"}):
                within(value, told[name])
    elif isinstance(given, list):
        assert len(given) == len(told)
        for one, other in zip(given, told, strict=True):
            within(one, other)
    elif isinstance(given, str) and given.startswith(("PT", "P7D")):
        assert parse_duration(given) == parse_duration(told)
    else:
        assert given == told
