from common.results.pages.leaderboard import check_pages


def test_the_leaderboard_says_what_the_records_say():
    check_pages()
