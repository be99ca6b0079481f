"""How the default encoder is made: trained on simulated tumours whose factors are known."""

from models.encoder_training.training import train

__all__ = ["train"]
