from gateway.runtime.http.health import Health


def test_nothing_to_say_means_ready() -> None:
    health = Health()
    assert health.ready
    assert health.healthy
    assert health.problems() == []


def test_a_part_that_is_not_ready_is_named() -> None:
    health, up = Health(), [False]
    health.add_part("database", lambda: up[0])
    assert health.problems() == ["database is not ready"]
    up[0] = True
    assert health.ready


def test_a_check_that_breaks_counts_as_not_ready() -> None:
    health = Health()
    health.add_part("carriers", lambda: bool(1 // 0))
    health.add_liveness(lambda: bool(1 // 0))
    assert health.problems() == ["carriers is not ready"]
    assert not health.healthy


def test_draining_is_said_once() -> None:
    health = Health()
    health.add_problems(lambda: ["draining", "background task x crashed: ValueError"])
    health.draining = True
    assert health.problems() == ["draining", "background task x crashed: ValueError"]


def test_uptime_is_wire_time() -> None:
    now = [100.0]
    health = Health(lambda: now[0])
    now[0] = 102.5
    assert health.uptime_s == 2.5
