"""xHAIM: explainable holistic AI in medicine.

From a patient's records to a calibrated risk, and an explanation in which every sentence can be traced to the
exact words, values or image that it rests on. Research software, not a medical device.
"""

__version__ = "0.1.0"
