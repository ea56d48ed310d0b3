"""A model that an interrupted run had learned and written already, before what comes after it was done."""

import logging

from adtool.core.errors import AdtoolError
from adtool.core.layout import ModelFolder
from adtool.detection import scoring
from adtool.detection.contract import LearningDetector
from adtool.detection.frame import Frame
from adtool.detection.scoring import OpenedModel

log = logging.getLogger("adtool")


def saved(detector: LearningDetector, folder: ModelFolder, frame: Frame) -> OpenedModel | None:
    """The model in a folder that is in work, without what its training kept; None where there is nothing whole.

    Args:
        detector: its module.
        folder: where it would be; whatever was made otherwise has been removed from it.
        frame: what it runs in.
    """
    if not folder.card.exists():  # written last
        return None
    try:
        model = scoring.load(detector, folder, frame)
    except AdtoolError as error:
        log.warning("%s It is learned again.", error)
        return None
    scoring.forget_training(folder)
    return model
