# The same as main.bicep, for Terraform: a storage account, a Batch account, one identity for the
# nodes, the roles for nodes and people, and a pool from each template beside this file. The test
# tests/project/test_terraform.py holds the two together.
#
#   terraform init
#   terraform apply -var-file=my.tfvars

terraform {
  required_version = ">= 1.5"
  required_providers {
    azapi = {
      source  = "Azure/azapi"
      version = "~> 2.0"
    }
  }
}

variable "subscription_id" {
  description = "The subscription that holds both resource groups."
  type        = string
}

variable "resource_group" {
  description = "The resource group that everything is made in; it must be there."
  type        = string
}

variable "prefix" {
  description = "Begins the names of what is made."
  type        = string
  default     = "scenefleet"

  validation {
    condition     = length(var.prefix) >= 3 && length(var.prefix) <= 11
    error_message = "prefix must have 3 to 11 characters."
  }
}

variable "location" {
  description = "Where everything stands. West Europe is where Planetary Computer keeps its imagery."
  type        = string
  default     = "westeurope"
}

variable "image" {
  description = "The task image, pinned by digest: registry.azurecr.io/scenefleet-task@sha256:..."
  type        = string
}

variable "registryName" {
  description = "The name of the container registry (without .azurecr.io) that holds the image."
  type        = string
}

variable "registryResourceGroup" {
  description = "The resource group of that registry; empty for the one that everything is made in."
  type        = string
  default     = ""
}

variable "operators" {
  description = "Object ids of the people, groups or services that start runs."
  type        = list(string)
}

variable "operatorType" {
  description = "What the operators are: User, Group or ServicePrincipal."
  type        = string
  default     = "User"

  validation {
    condition     = contains(["User", "Group", "ServicePrincipal"], var.operatorType)
    error_message = "operatorType must be User, Group or ServicePrincipal."
  }
}

variable "maxNodes" {
  description = "The most nodes that each pool may have: it bounds what an hour can cost."
  type        = number
  default     = 20

  validation {
    condition     = var.maxNodes >= 1
    error_message = "maxNodes must be 1 or more."
  }
}

variable "taskSlots" {
  description = "The most tasks at once on a node; never more than the templates say."
  type        = number
  default     = 4

  validation {
    condition     = var.taskSlots >= 1
    error_message = "taskSlots must be 1 or more."
  }
}

variable "subnetId" {
  description = "Resource id of the subnet that nodes are in; empty for a network of Batch's own."
  type        = string
  default     = ""
}

variable "storageSubnetIds" {
  description = "Resource ids of subnets that reach the storage account; with any of these or of storageAddresses, nobody else does."
  type        = list(string)
  default     = []
}

variable "storageAddresses" {
  description = "Public addresses or ranges (CIDR) that reach the storage account, as those of the operators."
  type        = list(string)
  default     = []
}

variable "tags" {
  description = "Set on everything that is made, for the bill."
  type        = map(string)
  default     = { project = "scenefleet" }
}

locals {
  subscription   = "/subscriptions/${var.subscription_id}"
  group          = "${local.subscription}/resourceGroups/${var.resource_group}"
  registry_group = var.registryResourceGroup == "" ? var.resource_group : var.registryResourceGroup
  registry       = "${local.subscription}/resourceGroups/${local.registry_group}/providers/Microsoft.ContainerRegistry/registries/${var.registryName}"
  role           = "${local.subscription}/providers/Microsoft.Authorization/roleDefinitions"
  account        = substr("${lower(replace(var.prefix, "-", ""))}${substr(sha256(local.group), 0, 13)}", 0, 24)
  closed         = length(var.storageSubnetIds) + length(var.storageAddresses) > 0

  # Built-in roles, by the ids that Azure's documentation gives them.
  roles = {
    storageBlobDataContributor = "ba92f5b4-2d11-453d-a403-e96b0029c9fe"
    storageBlobDelegator       = "db58b8e5-c6ad-4a2a-8342-4190687cbf4a"
    batchDataContributor       = "6aaa78f1-f7de-44ca-8722-c64a23943cae"
    acrPull                    = "7f951dda-4ed3-4680-a7ca-43fe172d538d"
  }

  # The templates, word for word; below only what a template cannot know is added.
  templates = {
    spot      = jsondecode(file("${path.module}/spot.pool.json"))
    dedicated = jsondecode(file("${path.module}/dedicated.pool.json"))
  }
}

resource "azapi_resource" "storage" {
  type      = "Microsoft.Storage/storageAccounts@2024-01-01"
  name      = local.account
  parent_id = local.group
  location  = var.location
  tags      = var.tags
  body = {
    kind = "StorageV2"
    sku  = { name = "Standard_LRS" }
    properties = {
      accessTier               = "Hot"
      allowBlobPublicAccess    = false
      allowSharedKeyAccess     = false
      minimumTlsVersion        = "TLS1_2"
      supportsHttpsTrafficOnly = true
      networkAcls = {
        bypass              = "None"
        defaultAction       = local.closed ? "Deny" : "Allow"
        ipRules             = [for address in var.storageAddresses : { value = address }]
        virtualNetworkRules = [for subnet in var.storageSubnetIds : { id = subnet }]
      }
    }
  }
}

# Azure makes the blob service with the account, under this name: it is only set here.
resource "azapi_update_resource" "blobs" {
  type      = "Microsoft.Storage/storageAccounts/blobServices@2024-01-01"
  name      = "default"
  parent_id = azapi_resource.storage.id
  body      = { properties = {} }
}

resource "azapi_resource" "container" {
  type      = "Microsoft.Storage/storageAccounts/blobServices/containers@2024-01-01"
  name      = "scenefleet"
  parent_id = azapi_update_resource.blobs.id
  body      = { properties = { publicAccess = "None" } }
}

resource "azapi_resource" "nodes" {
  type                   = "Microsoft.ManagedIdentity/userAssignedIdentities@2023-01-31"
  name                   = "${var.prefix}-nodes"
  parent_id              = local.group
  location               = var.location
  tags                   = var.tags
  response_export_values = ["properties.clientId", "properties.principalId"]
}

resource "azapi_resource" "batch" {
  type      = "Microsoft.Batch/batchAccounts@2025-06-01"
  name      = local.account
  parent_id = local.group
  location  = var.location
  tags      = var.tags
  body = {
    properties = {
      allowedAuthenticationModes = ["AAD"]
      poolAllocationMode         = "BatchService"
      publicNetworkAccess        = "Enabled"
    }
  }
  response_export_values = ["properties.accountEndpoint"]
}

# Nodes read their code from, and write their products to, this one container.
resource "azapi_resource" "nodesWrite" {
  type      = "Microsoft.Authorization/roleAssignments@2022-04-01"
  name      = uuidv5("url", "${azapi_resource.container.id}/${azapi_resource.nodes.id}/${local.roles.storageBlobDataContributor}")
  parent_id = azapi_resource.container.id
  body = {
    properties = {
      principalId      = azapi_resource.nodes.output.properties.principalId
      principalType    = "ServicePrincipal"
      roleDefinitionId = "${local.role}/${local.roles.storageBlobDataContributor}"
    }
  }
}

resource "azapi_resource" "nodesPull" {
  type      = "Microsoft.Authorization/roleAssignments@2022-04-01"
  name      = uuidv5("url", "${local.registry}/${azapi_resource.nodes.id}/${local.roles.acrPull}")
  parent_id = local.registry
  body = {
    properties = {
      principalId      = azapi_resource.nodes.output.properties.principalId
      principalType    = "ServicePrincipal"
      roleDefinitionId = "${local.role}/${local.roles.acrPull}"
    }
  }
}

resource "azapi_resource" "operatorsWrite" {
  for_each  = toset(var.operators)
  type      = "Microsoft.Authorization/roleAssignments@2022-04-01"
  name      = uuidv5("url", "${azapi_resource.container.id}/${each.value}/${local.roles.storageBlobDataContributor}")
  parent_id = azapi_resource.container.id
  body = {
    properties = {
      principalId      = each.value
      principalType    = var.operatorType
      roleDefinitionId = "${local.role}/${local.roles.storageBlobDataContributor}"
    }
  }
}

# For short-lived, write-only SAS signed with the operator's own sign-in, where a pool has no identity.
resource "azapi_resource" "operatorsDelegate" {
  for_each  = toset(var.operators)
  type      = "Microsoft.Authorization/roleAssignments@2022-04-01"
  name      = uuidv5("url", "${azapi_resource.storage.id}/${each.value}/${local.roles.storageBlobDelegator}")
  parent_id = azapi_resource.storage.id
  body = {
    properties = {
      principalId      = each.value
      principalType    = var.operatorType
      roleDefinitionId = "${local.role}/${local.roles.storageBlobDelegator}"
    }
  }
}

resource "azapi_resource" "operatorsSubmit" {
  for_each  = toset(var.operators)
  type      = "Microsoft.Authorization/roleAssignments@2022-04-01"
  name      = uuidv5("url", "${azapi_resource.batch.id}/${each.value}/${local.roles.batchDataContributor}")
  parent_id = azapi_resource.batch.id
  body = {
    properties = {
      principalId      = each.value
      principalType    = var.operatorType
      roleDefinitionId = "${local.role}/${local.roles.batchDataContributor}"
    }
  }
}

resource "azapi_resource" "pools" {
  for_each  = local.templates
  type      = "Microsoft.Batch/batchAccounts/pools@2025-06-01"
  parent_id = azapi_resource.batch.id
  # The client looks for its pools under these names.
  name = "scenefleet-${each.key}"
  tags = var.tags
  identity {
    type         = "UserAssigned"
    identity_ids = [azapi_resource.nodes.id]
  }
  # merge() is not deep: each object that gets something is merged by itself, so the rest stays.
  body = {
    properties = merge(
      each.value,
      {
        taskSlotsPerNode = min(var.taskSlots, each.value.taskSlotsPerNode)
        deploymentConfiguration = merge(each.value.deploymentConfiguration, {
          virtualMachineConfiguration = merge(each.value.deploymentConfiguration.virtualMachineConfiguration, {
            containerConfiguration = merge(each.value.deploymentConfiguration.virtualMachineConfiguration.containerConfiguration, {
              containerImageNames = [var.image]
              containerRegistries = [{
                registryServer    = "${var.registryName}.azurecr.io"
                identityReference = { resourceId = azapi_resource.nodes.id }
              }]
            })
          })
        })
        scaleSettings = merge(each.value.scaleSettings, {
          autoScale = merge(each.value.scaleSettings.autoScale, {
            formula = replace(each.value.scaleSettings.autoScale.formula, "maxNodes = 20;", "maxNodes = ${var.maxNodes};")
          })
        })
      },
      {
        for key, subnet in { networkConfiguration = var.subnetId } :
        key => merge(try(each.value.networkConfiguration, {}), { subnetId = subnet }) if subnet != ""
      }
    )
  }
  # A node prefetches its image as it starts: it must be allowed to pull by then.
  depends_on = [azapi_resource.nodesPull, azapi_resource.nodesWrite]
}

# The names are those of the settings of scenefleet, section [azure].
output "batch_endpoint" {
  value = "https://${azapi_resource.batch.output.properties.accountEndpoint}"
}

output "identity_client_id" {
  value = azapi_resource.nodes.output.properties.clientId
}

output "identity_resource_id" {
  value = azapi_resource.nodes.id
}

output "image" {
  value = var.image
}

output "store" {
  description = "For `output.store` in a recipe; a prefix may follow."
  value       = "az://${azapi_resource.storage.name}/${azapi_resource.container.name}"
}
