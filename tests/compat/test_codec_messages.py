"""Messages and documents through the codec, both directions."""

from __future__ import annotations

import pytest
from differ import same_dumps_of, same_loads
from sample_messages import all_messages

MESSAGES = all_messages()


@pytest.mark.parametrize("name", MESSAGES)
def test_a_message_gives_stock_s_bytes_and_comes_back_as_stock_s_object(name):
    encoded = same_dumps_of(MESSAGES[name])
    if encoded.error is None:
        same_loads(encoded.value)
