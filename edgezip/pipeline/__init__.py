"""From content to frames and back: what is found in it, who codes it, with which model."""
