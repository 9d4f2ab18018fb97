"""What the server itself connects to. Addresses come from users, so they are looked at before anything is sent there."""
