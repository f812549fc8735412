// All that scenefleet needs on Azure: a storage account for scenes' products, a Batch account, one
// identity for the nodes, the roles for nodes and people, and a pool from each template beside
// this file. No shared key, no password and no SAS is made or needed.
//
//   az deployment group create --resource-group scenefleet --parameters main.bicepparam

targetScope = 'resourceGroup'

@description('Begins the names of what is made.')
@minLength(3)
@maxLength(11)
param prefix string = 'scenefleet'

@description('Where everything stands. West Europe is where Planetary Computer keeps its imagery.')
param location string = 'westeurope'

@description('The task image, pinned by digest: registry.azurecr.io/scenefleet-task@sha256:...')
param image string

@description('The name of the container registry (without .azurecr.io) that holds the image.')
param registryName string

@description('The resource group of that registry.')
param registryResourceGroup string = resourceGroup().name

@description('Object ids of the people, groups or services that start runs.')
param operators array

@description('What the operators are.')
@allowed(['User', 'Group', 'ServicePrincipal'])
param operatorType string = 'User'

@description('The most nodes that each pool may have: it bounds what an hour can cost.')
@minValue(1)
param maxNodes int = 20

@description('The most tasks at once on a node; never more than the templates say. What a task may take of memory (resources.memory in a recipe), 60 MB for its supervisor, times this number must be less than 90% of what the VM size has.')
@minValue(1)
param taskSlots int = 4

@description('Resource id of the subnet that nodes are in; empty for a network of Batch\'s own.')
param subnetId string = ''

@description('Resource ids of subnets that reach the storage account, each with the service endpoint Microsoft.Storage; with any of these or of storageAddresses, nobody else does.')
param storageSubnetIds array = []

@description('Public addresses or ranges (CIDR) that reach the storage account, as those of the operators.')
param storageAddresses array = []

@description('Set on everything that is made, for the bill.')
param tags object = {
  project: 'scenefleet'
}

var unique = uniqueString(resourceGroup().id)
var registryServer = '${registryName}${environment().suffixes.acrLoginServer}'

// Built-in roles, by the ids that Azure's documentation gives them.
var roles = {
  storageBlobDataContributor: 'ba92f5b4-2d11-453d-a403-e96b0029c9fe'
  storageBlobDelegator: 'db58b8e5-c6ad-4a2a-8342-4190687cbf4a'
  batchDataContributor: '6aaa78f1-f7de-44ca-8722-c64a23943cae'
}

// What a subnet adds to a pool.
var network = empty(subnetId) ? {} : { networkConfiguration: { subnetId: subnetId } }

// The templates, word for word; below only what a template cannot know is added.
var templates = [
  {
    name: 'spot'
    properties: loadJsonContent('spot.pool.json')
  }
  {
    name: 'dedicated'
    properties: loadJsonContent('dedicated.pool.json')
  }
]

resource storage 'Microsoft.Storage/storageAccounts@2024-01-01' = {
  name: take('${toLower(replace(prefix, '-', ''))}${unique}', 24)
  location: location
  tags: tags
  kind: 'StorageV2'
  sku: {
    name: 'Standard_LRS'
  }
  properties: {
    accessTier: 'Hot'
    allowBlobPublicAccess: false
    allowSharedKeyAccess: false
    minimumTlsVersion: 'TLS1_2'
    supportsHttpsTrafficOnly: true
    networkAcls: {
      bypass: 'None'
      defaultAction: empty(storageSubnetIds) && empty(storageAddresses) ? 'Allow' : 'Deny'
      ipRules: [for address in storageAddresses: { value: address }]
      virtualNetworkRules: [for subnet in storageSubnetIds: { id: subnet }]
    }
  }
}

resource blobs 'Microsoft.Storage/storageAccounts/blobServices@2024-01-01' = {
  parent: storage
  name: 'default'
}

resource container 'Microsoft.Storage/storageAccounts/blobServices/containers@2024-01-01' = {
  parent: blobs
  name: 'scenefleet'
  properties: {
    publicAccess: 'None'
  }
}

resource nodes 'Microsoft.ManagedIdentity/userAssignedIdentities@2023-01-31' = {
  name: '${prefix}-nodes'
  location: location
  tags: tags
}

resource batch 'Microsoft.Batch/batchAccounts@2025-06-01' = {
  name: take('${toLower(replace(prefix, '-', ''))}${unique}', 24)
  location: location
  tags: tags
  properties: {
    allowedAuthenticationModes: ['AAD']
    poolAllocationMode: 'BatchService'
    publicNetworkAccess: 'Enabled'
  }
}

// Nodes read their code from, and write their products to, this one container.
resource nodesWrite 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  scope: container
  name: guid(container.id, nodes.id, roles.storageBlobDataContributor)
  properties: {
    principalId: nodes.properties.principalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roles.storageBlobDataContributor)
  }
}

module nodesPull 'registry-role.bicep' = {
  name: '${prefix}-nodes-pull'
  scope: resourceGroup(registryResourceGroup)
  params: {
    registryName: registryName
    principalId: nodes.properties.principalId
  }
}

resource operatorsWrite 'Microsoft.Authorization/roleAssignments@2022-04-01' = [
  for operator in operators: {
    scope: container
    name: guid(container.id, operator, roles.storageBlobDataContributor)
    properties: {
      principalId: operator
      principalType: operatorType
      roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roles.storageBlobDataContributor)
    }
  }
]

// For short-lived, write-only SAS signed with the operator's own sign-in, where a pool has no identity.
resource operatorsDelegate 'Microsoft.Authorization/roleAssignments@2022-04-01' = [
  for operator in operators: {
    scope: storage
    name: guid(storage.id, operator, roles.storageBlobDelegator)
    properties: {
      principalId: operator
      principalType: operatorType
      roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roles.storageBlobDelegator)
    }
  }
]

resource operatorsSubmit 'Microsoft.Authorization/roleAssignments@2022-04-01' = [
  for operator in operators: {
    scope: batch
    name: guid(batch.id, operator, roles.batchDataContributor)
    properties: {
      principalId: operator
      principalType: operatorType
      roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roles.batchDataContributor)
    }
  }
]

resource pools 'Microsoft.Batch/batchAccounts/pools@2025-06-01' = [
  for template in templates: {
    parent: batch
    // The client looks for its pools under these names.
    name: 'scenefleet-${template.name}'
    tags: tags
    identity: {
      type: 'UserAssigned'
      userAssignedIdentities: {
        '${nodes.id}': {}
      }
    }
    // union() goes into nested objects, so the rest of the template stays.
    properties: union(template.properties, network, {
      taskSlotsPerNode: min(taskSlots, template.properties.taskSlotsPerNode)
      deploymentConfiguration: {
        virtualMachineConfiguration: {
          containerConfiguration: {
            containerImageNames: [image]
            containerRegistries: [
              {
                registryServer: registryServer
                identityReference: {
                  resourceId: nodes.id
                }
              }
            ]
          }
        }
      }
      scaleSettings: {
        autoScale: {
          formula: replace(template.properties.scaleSettings.autoScale.formula, 'maxNodes = 20;', 'maxNodes = ${maxNodes};')
        }
      }
    })
    // A node prefetches its image as it starts: it must be allowed to pull by then.
    dependsOn: [nodesPull, nodesWrite]
  }
]

// The names are those of the settings of scenefleet, section [azure].
output batch_endpoint string = 'https://${batch.properties.accountEndpoint}'
output identity_client_id string = nodes.properties.clientId
output identity_resource_id string = nodes.id
output image string = image

@description('For `output.store` in a recipe; a prefix may follow.')
output store string = 'az://${storage.name}/${container.name}'
