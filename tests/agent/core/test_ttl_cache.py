from s3d.agent.core.ttl_cache import TTLCache


class Time:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def test_each_entry_expires_after_a_time_of_its_own():
    clock = Time()
    cache: TTLCache[str, str] = TTLCache(10, clock)
    cache.put("answer", "yes", 60.0)
    cache.put("failure", "no", 5.0)
    clock.now += 5.0
    assert (cache.get("answer"), cache.get("failure")) == ("yes", None)
    clock.now += 55.0
    assert cache.get("answer") is None


def test_a_value_is_replaced_with_its_time_and_one_without_any_is_not_kept():
    clock = Time()
    cache: TTLCache[str, int] = TTLCache(10, clock)
    cache.put("k", 1, 60.0)
    cache.put("k", 2, 5.0)
    assert cache.get("k") == 2
    cache.put("k", 3, 0.0)
    assert cache.get("k") is None


def test_the_entry_that_was_not_used_for_longest_makes_room():
    cache: TTLCache[str, int] = TTLCache(2, Time())
    for number, key in enumerate("ab"):
        cache.put(key, number, 60.0)
    assert cache.get("a") == 0
    cache.put("c", 2, 60.0)
    assert [cache.get(key) for key in "abc"] == [0, None, 2]


def test_entries_are_forgotten_one_by_one_or_all():
    cache: TTLCache[str, int] = TTLCache(10, Time())
    for key in "abc":
        cache.put(key, 1, 60.0)
    cache.forget("a")
    cache.forget("none")
    assert [cache.get(key) for key in "ab"] == [None, 1]
    cache.clear()
    assert cache.get("b") is None
