import logging
from pathlib import Path

from adtool.core.warnings_once import unnamed, warned_once

log = logging.getLogger("adtool")


def test_a_warning_is_given_once_within_and_again_afterwards(caplog):
    with caplog.at_level(logging.INFO, logger="adtool"):
        with warned_once():
            for name in ("a", "b", "a"):
                log.warning("%s is lost", name)
                log.info("done")
        log.warning("a is lost")
    assert caplog.messages == ["a is lost", "done", "b is lost", "done", "done", "a is lost"]


def test_the_same_warning_with_and_without_a_category_is_one(caplog):
    with warned_once():
        log.warning("parts: 3 images are odd")
        log.warning("3 images are odd")
        log.warning("2 images are odd")
    assert caplog.messages == ["parts: 3 images are odd", "2 images are odd"]


def test_files_of_a_scratch_folder_are_not_named(caplog):
    with unnamed(Path("/tmp/adtool-run-1")):
        log.warning("2 images are odd: /tmp/adtool-run-1/data/000.jpg")
        log.warning("2 images are odd: /tmp/adtool-run-12/data/000.jpg")
        log.error("/tmp/adtool-run-1/data/000.jpg is gone")
    log.warning("2 images are odd: /tmp/adtool-run-1/data/000.jpg")
    assert [one[-12:] for one in caplog.messages] == ["data/000.jpg", "/000.jpg is gone"[-12:], "data/000.jpg"]
