"""A RiskAssessment says no more than the explanation, and never a risk surer than 1 to 99 %."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from explain_cases import FACTS, Additive, explained, full_case, record
from fhir.resources.R4B.bundle import Bundle

from xhaim.explain.fhir import bundle

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


def risk_of(explanation, chart):
    found = bundle(explanation, chart, UTC, NOW, {"model": "m", "software": "xHAIM 1"})
    Bundle.model_validate(found)
    return found["entry"][0]["resource"]


@pytest.mark.parametrize(("risk", "told"), [(0.0001, 1.0), (0.9999, 99.0), (0.7149, 71.5)])
def test_the_risk_is_told_in_per_cent_within_what_may_be_said(risk, told):
    chart, chunks, model = full_case()
    found = risk_of(replace(explained(chart, chunks, model), risk=risk), chart)
    assert found["prediction"][0]["probabilityDecimal"] == told
    assert found["occurrenceDateTime"] == "2180-07-26T04:10:00+00:00"
    assert found["prediction"][0]["rationale"] == "90 % interval 60 to 80 %"


def test_a_resource_is_referred_to_by_its_address_and_a_row_by_its_name():
    chart, chunks, model = full_case()
    values = tuple(replace(one, source=f"Observation/o{n}") for n, one in enumerate(chart.measurements))
    chart = replace(chart, measurements=values)
    basis = risk_of(explained(chart, chunks, model), chart)["basis"]
    references = {one["reference"] for one in basis if "reference" in one}
    named = {one["identifier"]["value"] for one in basis if "identifier" in one}
    assert references <= {one.source for one in values}
    assert references
    assert named == {"e1", "r2", "r1", "i1"}


def test_without_a_model_no_risk_is_told_and_without_citations_no_basis():
    facts = replace(FACTS, base_rate=0.0)
    found = risk_of(explained(record(), [], Additive({}), facts), record())
    assert "basis" not in found
    assert "relativeRisk" not in found["prediction"][0]
    found = risk_of(replace(explained(record(), [], Additive({})), risk=None), record())
    assert "prediction" not in found
    assert found["note"]
