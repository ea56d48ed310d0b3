import logging

from adtool.run.once import warned_once

log = logging.getLogger("adtool")


def test_a_warning_is_given_once_within_and_again_afterwards(caplog):
    with caplog.at_level(logging.INFO, logger="adtool"):
        with warned_once():
            for name in ("a", "b", "a"):
                log.warning("%s is lost", name)
                log.info("done")
        log.warning("a is lost")
    assert caplog.messages == ["a is lost", "done", "b is lost", "done", "done", "a is lost"]
