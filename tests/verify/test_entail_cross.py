"""The cross-encoder: its layers give what transformers gives, and tuning changes a copy."""

import numpy as np
import pytest
import torch

from xhaim.verify.entail_cross import Cross, encoded, new_net, padded, shown
from xhaim.verify.entail_train import tune

PAIRS = [
    ("The patient did not receive aspirin.", "Aspirin was given on day 2."),
    ("The patient received aspirin.", "Aspirin was given on day 2."),
    ("Fever.", "No fever, no cough, and the chest is clear on both sides of the film."),
]


@pytest.fixture(scope="module")
def start():
    torch.manual_seed(0)
    return Cross(new_net().eval().requires_grad_(False))


def test_the_states_are_those_of_transformers_and_padding_changes_nothing(start):
    rows = [encoded(claim, evidence) for claim, evidence in PAIRS]
    ids, mask, which = padded(rows)
    with torch.inference_mode():
        ours = start.net.lower(ids, mask, which, len(start.net.bert.encoder.layer))
        theirs = start.net.bert(input_ids=ids, attention_mask=mask, token_type_ids=which).last_hidden_state
        together = start.net(ids, mask, which)
        alone = torch.cat([start.net(*padded([row])) for row in rows])
    torch.testing.assert_close(ours[mask.bool()], theirs[mask.bool()], atol=1e-5, rtol=0)
    torch.testing.assert_close(together, alone, atol=1e-4, rtol=0)


def test_tuning_learns_leaves_the_start_alone_and_is_kept_as_bytes(start):
    before = start.odds(PAIRS)
    pairs = PAIRS[:2] * 16
    tuned = tune(start, pairs, np.array([2, 0] * 16), epochs=6)
    assert tuned.odds(PAIRS[:2]).argmax(axis=1).tolist() == [2, 0]
    np.testing.assert_array_equal(start.odds(PAIRS), before)
    again = Cross.restore(tuned.to_bytes())
    np.testing.assert_array_equal(again.odds(PAIRS), tuned.odds(PAIRS))
    assert again.to_bytes() == tuned.to_bytes()


def test_weights_of_another_net_are_refused(start):
    from safetensors.torch import save

    with pytest.raises(ValueError, match="another cross-encoder"):
        Cross.restore(save({"head.1.weight": torch.zeros(2, 2)}))


def test_the_sentences_nearest_to_the_claim_are_shown_in_their_order():
    filler = "Nothing of note happened on the ward during this long and quiet night shift at all. "
    evidence = "Heparin was stopped. " + filler * 20 + "Aspirin was given."
    seen = shown("Aspirin was given and heparin stopped.", evidence)
    assert seen.startswith("Heparin was stopped.")
    assert seen.endswith("Aspirin was given.")
    assert len(seen.split()) <= 85
