"""The wire: signatures, errors, paging, filters, headers. It knows nothing of Batch's rules."""
