from s3d.shared.checking import CheckPage, Damage
from s3d.shared.control import decode, encode
from s3d.shared.transfers import Share


def test_a_page_crosses_the_socket():
    page = CheckPage(Share(1, 2), [Damage("store", "bucket/key", "gone")], "cursor")
    assert decode(encode(page), CheckPage) == page
    assert CheckPage(Share(), []).cursor == ""
