"""Pure functions on batched tensors: torch alone, no modules, no registries, no samples."""
