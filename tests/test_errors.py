import pytest

from hybridkp.errors import InputError


def test_wrong_input_is_a_value_error():
    with pytest.raises(ValueError, match='a.json: annotation 3'):
        raise InputError('a.json: annotation 3')
