"""Who this child is, and who must know: people, enrolments, organisations, the policy table."""
