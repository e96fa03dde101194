"""The words of negation and uncertainty in clinical English, and where their reach ends.

After NegEx (Chapman 2001) and ConText (Harkema 2009). Phrases in lower case, parted by commas or line
breaks; ``(a|b|)`` stands for a, b or nothing. A phrase longer than another wins where both fit.
"""

from __future__ import annotations

PRE_NEGATION = """
no, not, nor, without, w/o, denies, denied, denying, deny, negative for, neg for, negative, free of, absence of
absent
never, cannot, can't, didn't, doesn't, don't, isn't, wasn't, aren't, none of, (fails|failed) to reveal, lack of
lacked
lacks, unremarkable for, resolution of, (interval|now|completely|) resolved, (ruled|rules) (him|her|patient|) out for
ruled (him|her|patient|) out, (no longer|without) (any|) evidence of, rather than, instead of, neither, clear of
no longer, removal of, ruled out, exclude, excludes, excluded, rules out, -ve for, -ve
weaned (off|from), nothing
(no|without|negative|denies|denied|not have|not give) (a|any|) (prior|previous|known|significant|past|) history (of|for)
"""
POST_NEGATION = """
(is|are|was|were|has been|have been) (now|) (absent|negative|ruled out|excluded|denied), absent
(is|are|was|were|has been|have been|had been|has|have|had|does|do|did) (not|never), (isn't|aren't|wasn't|weren't)
(is|are|was|were|has|have|had|now|) (now|completely|since|nearly|) resolved, (has|have) cleared
(is|are|was|were|seems|) (very|highly|) unlikely, (is|are) no longer, no longer
(is|are|) free, not (seen|present|identified|appreciated|visualized|demonstrated|evident|detected|noted), none
(-), (has|have) been removed, (is|are|was|were|has been|have been|) weaned (off|)
"""
PRE_UNCERTAINTY = """
possibly, possible, possibility of, probable, probably, likely, suspected, suspect, suspicious for, suspicion (of|for)
concern (for|of|about), concerning for, questionable, question (of|), ?, may, may be, may have, may represent
may reflect
might, could, presumed, presumably, perhaps, versus, vs, rule out, r/o, (evaluate|eval|assess) for, differential
(cannot|can not|could not|can't|not) (be|) (entirely|completely|) (exclude|excluded|rule out|ruled out), suggest
suggests, suggesting, suggestive of, worrisome for, equivocal, consider, if, risk (of|for), at risk for
(monitor|look|watch|return|call) for, whether, unclear if, rule-out, appears to be, difficult to exclude
no (definite|) (change|) (to|) exclude, evidence (for|of) possible, to exclude
"""
POST_UNCERTAINTY = """
(is|are|) (possible|suspected|questionable|equivocal|likely|probable), (is|are) also (possible|likely), vs, versus
(cannot|can not|could not|can't|not) be (entirely|completely|definitively|) (excluded|ruled out), ?
(is|are|was|were|has been|have been|has|have|) not (been|) (entirely|completely|) (excluded|ruled out)
should be (considered|excluded), (may|could) be present, to be ruled out, must be (considered|excluded)
"""
# Only right behind the mention: ``Effusion: none.``
ANSWER_NO = ": (no|none|negative|absent|denies|denied)"
# What looks like a trigger and is none: it neither denies nor ends a reach.
PSEUDO = """
no (significant|interval|appreciable|substantial|definite|further|) (interval|) (change|increase|improvement)
(no|not|without) (significantly|appreciably|substantially|significant|interval|) (changed|change|increased|decreased)
not only, not (certain|sure) (if|whether), not necessarily, without (difficulty|contrast|iv contrast|further)
gram negative, gram-negative, not drain, not cause, unresolved, no worse, free (fluid|air), negative pressure
as possible, (is|are|was|were|has|have|had) not (changed|increased|worsened|grown|progressed)
(is|are|has|have|does|do|did|) not (yet|been|) (resolve|resolved|clear|cleared|improve|improved), negative inspiratory
may (resume|return|take), not (respond|responsive|require|tolerate|relieved), if possible, could not tolerate
(cannot|can not|could not|can't|not) (tolerate|take)
"""
TERMINATORS = """
but, however, nevertheless, yet, though, although, still, aside from, except, apart from, other than, secondary to
because, since, which, who, whom, whose, due to, (cause|causes|source|etiology|origin|reason) (of|for), presents
presented, presenting, ;, status post, s/p, ., remains, remain, found to have, complains of, complaining of
noted to have, positive for, otherwise, (as|that|and) (he|she|the|it), and (is|was|has|had|are|were), history of
while, despite, after, prior to, developed, underwent, admitted, to account for, as well as
"""
# A comma ends a reach where a new finding follows it: ``No pneumothorax, small left effusion.``
AFTER_COMMA = "the there mild small moderate trace tiny stable unchanged persistent bilateral minimal"
HISTORY = """
history of, hx of, h/o, past medical history, pmh, past history of, status post, s/p, childhood
"""
FAMILY = """
family history, family hx, fhx, fh, mother, father, brother, sister, brothers, sisters, grandmother, grandfather, aunt
uncle, maternal, paternal, mom, dad, sibling, siblings, parents, cousin
"""
# The relative as informant.
NOT_FAMILY = "(mother|father|brother|sister|mom|dad|parents) (reports|report|states|state|says|say|denies|noted|notes)"
