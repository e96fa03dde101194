"""The clinician's pages: the worklist, a patient's risk and its evidence, questions, feedback, the cohort."""
