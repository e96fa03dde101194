"""What an export says of itself, in words."""

from __future__ import annotations

from typing import Any

SIMULATED = "SIMULATED: the patients are simulated; no number here is of a real patient."
LEAKY = """LEAKY: the models of the tasks named below read the report that states the label (report policy
index_included). Their files begin with LEAKY- and must not be taken for what such a model can do."""


def readme(said: dict[str, Any], manifest: str) -> str:
    """Return the text of README.txt; ``said`` is what the file ``manifest`` says."""
    lines = [f"Written by xhaim export from a {said['of']}; {manifest} says from which.", ""]
    if said["simulated"]:
        lines += [SIMULATED, ""]
    if said["leaky"]:
        lines += [LEAKY, f"Tasks: {', '.join(said['leaky'])}", ""]
    if "data" in said["what"]:
        lines.append("data/, metadata/: a MEDS dataset (0.4). Images themselves are not exported.")
        if said["persons"]:
            lines.append(f"{said['persons']}: which subjects are one person; split by person_id.")
        if said["plain"]:
            lines.append("Without known_at: what was stored later than it happened cannot be told any more.")
    if "labels" in said["what"]:
        lines.append("labels/TASK.parquet: meds.LabelSchema.")
    if "predictions" in said["what"]:
        lines += [
            f"predictions/TASK/MODEL/split-N.parquet: columns of MEDS-evaluation; {' and '.join(said['parts'])} part.",
            "predicted_boolean_probability: the calibrated risk; of baselines a raw score.",
            "predicted_boolean_value: at or above the model's operating point; null where it has none.",
        ]
    return "\n".join(lines) + "\n"
