"""The pages made of the records: LEADERBOARD.md, RESULTS.md of each paper, HTML."""
