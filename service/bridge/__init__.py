"""From an archive to predictions and back into it: follows new studies, asks the service, stores what it says."""
