"""What moderators want to change in; previews and new editions out."""
