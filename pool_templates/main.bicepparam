using './main.bicep'

// The image's digest is printed by the push: see docker/README.md.
param image = 'myregistry.azurecr.io/scenefleet-task@sha256:0000000000000000000000000000000000000000000000000000000000000000'
param registryName = 'myregistry'

// az ad signed-in-user show --query id --output tsv
param operators = [
  '00000000-0000-0000-0000-000000000000'
]

param location = 'westeurope'
param maxNodes = 20
param taskSlots = 4
