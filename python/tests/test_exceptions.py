"""The mapping from kinds of errors to classes."""

from __future__ import annotations

import copy
import pickle

import pytest
from composio import _native, exceptions
from composio.exceptions import BY_KIND, ComposioError


def test_every_kind_of_the_core_has_a_class() -> None:
    assert set(BY_KIND) == set(_native.ERROR_KINDS)


def test_everything_derives_from_one_class() -> None:
    classes = [cls for cls in vars(exceptions).values() if isinstance(cls, type) and issubclass(cls, Exception)]
    others = [cls for cls in classes if not issubclass(cls, ComposioError)]
    assert others == [exceptions.ComposioDeprecationWarning]
    assert issubclass(exceptions.ComposioSDKTimeoutError, TimeoutError)
    assert issubclass(exceptions.SDKFileNotFoundError, FileNotFoundError)


@pytest.mark.parametrize("cls", list(dict.fromkeys(BY_KIND.values())))
def test_an_error_survives_pickling(cls: type[ComposioError]) -> None:
    error = cls("broken", status=500, code=7, slug="S", suggested_fix="fix it", request_id="r", details={"a": 1})
    for again in (pickle.loads(pickle.dumps(error)), copy.copy(error)):
        assert type(again) is cls
        assert vars(again) == vars(error)
        assert str(again) == "broken (fix it) [request r]"
        assert again.status_code == 500


def test_the_native_module_fills_every_field() -> None:
    with pytest.raises(exceptions.ApiKeyNotProvidedError) as caught:
        _native.Client(blocking=True, backend="http")
    assert caught.value.kind == "api_key_not_provided"
    assert caught.value.suggested_fix
    assert (caught.value.status, caught.value.retryable, caught.value.details) == (None, False, {})
