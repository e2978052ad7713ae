"""What every feature in Discord stands on; it knows none of them."""
