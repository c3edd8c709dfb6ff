"""What is measured, never asserted: peers in turn in one run, as ratios."""
