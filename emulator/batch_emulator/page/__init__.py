"""The page at `/`: what a person sees of the account in a browser. It changes nothing."""
