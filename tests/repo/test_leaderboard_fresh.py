from common.leaderboard.check import check_leaderboard


def test_the_leaderboard_says_what_the_records_say():
    check_leaderboard()
