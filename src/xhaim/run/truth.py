"""The latent risk of simulated samples: what the best possible predictor would say."""

from __future__ import annotations
