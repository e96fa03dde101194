"""Judging explanations: the rubric, who judges, whether they agree, and whether a judge can be trusted."""
