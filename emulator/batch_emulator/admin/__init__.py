"""The admin interface, beside the service's: what a test orders of the emulator itself."""
