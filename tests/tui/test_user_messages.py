from tests.tui.conftest import screen


async def test_the_same_words_are_said_once_with_their_number(opened):
    async with opened() as pilot:
        for _ in range(3):
            pilot.app.messages.toast("no [/] such\x1b[2J thing", is_error=True)
        await pilot.pause()
        assert screen(pilot.app).count("no [/] such␛[2J thing") == 2, "the corner and the foot"
        assert "✗ no [/] such␛[2J thing (x3)" in screen(pilot.app)
