"""Who somebody is, in spite of slips of the hand: weights, and one choice among many.

Pure: people in, a judgement out. Knows no database and no event; `docs/explanation/matching.md`
tells how it decides, and with what success.
"""
