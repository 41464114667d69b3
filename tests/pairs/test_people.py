"""Who is compared with whom."""

from __future__ import annotations

import numpy as np
import pytest

from evenface.pairs.people import People


def people(
    identity: list[int],
    group: list[str | None] | None = None,
    picture: list[str | None] | None = None,
    person: list[int] | None = None,
    without: list[int] | None = None,
) -> People:
    return People.of(
        np.array(identity, dtype=np.intp),
        np.array(identity if person is None else person, dtype=np.intp),
        ["g"] * len(identity) if group is None else group,
        picture,
        without=None if without is None else np.array(without, dtype=np.intp),
    )


def random_people(seed: int = 0, n: int = 60) -> People:
    rng = np.random.default_rng(seed)
    identity = rng.integers(0, 20, n)
    group = [[None, "b", "a", "c"][k % 4] for k in identity.tolist()]
    return people(identity.tolist(), group)


def test_rows_stand_by_group_person_and_identity() -> None:
    p = people([4, 2, 4, 7, 2, 9], ["b", "a", "b", None, "a", "a"])
    assert p.order.tolist() == [1, 4, 5, 0, 2, 3]
    assert p.groups == ("a", "b", None)
    assert p.group.tolist() == [0, 0, 1, 2]
    assert p.person.tolist() == [0, 0, 1, 2, 2, 3]
    assert p.identity.tolist() == [2, 2, 9, 4, 4, 7]
    assert p.bounds.tolist() == [0, 3, 5, 6]
    assert p.images.tolist() == [2, 1, 2, 1]
    assert (p.persons, p.left_out) == (4, {})


def test_unknown_groups_come_last_whatever_names_there_are() -> None:
    p = people([0, 1, 2], [None, "~", ""])
    assert p.groups == ("", "~", None)
    assert p.order.tolist() == [2, 1, 0]
    assert people([0, 1], [None, None]).groups == (None,)


def test_a_person_has_the_commonest_group_of_its_rows() -> None:
    p = people([0, 0, 0, 1, 1, 2, 2], ["b", "a", "b", "b", "a", None, "c"])
    assert [p.groups[g] for g in p.group] == ["a", "b", "c"]
    # Person 1 has either once: the first in the alphabet.
    assert p.identity.tolist() == [1, 1, 0, 0, 0, 2, 2]


def test_copies_of_one_s_own_picture_are_left_out() -> None:
    p = people([0, 0, 0, 1, 1], picture=["x", "y", "x", "z", None])
    assert p.order.tolist() == [0, 1, 3, 4]
    assert p.left_out == {"copies of another picture of the same identity": 1}


def test_pictures_of_several_identities_are_all_left_out() -> None:
    p = people([0, 0, 1, 1, 2, 2], picture=["x", "y", "x", "x", "v", "w"])
    assert p.order.tolist() == [1, 4, 5]
    assert p.left_out == {"pictures that several identities have": 3}


def test_pictures_without_a_hash_are_nobody_s_copies() -> None:
    assert people([0, 0, 1], picture=[None, None, None]).left_out == {}


def test_rows_without_direction_are_no_copies_either() -> None:
    p = people([0, 0, 1, 1], picture=["x", "x", "v", "w"], without=[0])
    assert p.order.tolist() == [1, 2, 3]
    assert p.left_out == {"zero vectors": 1}


def test_linked_identities_are_one_person() -> None:
    p = people([5, 5, 6, 7], person=[1, 1, 1, 0])
    assert p.persons == 2
    assert p.images.tolist() == [1, 3]
    # Identities stand together within a person: 7 | 5 5 6.
    assert p.identity.tolist() == [7, 5, 5, 6]
    assert int(np.triu(p.impostor_pairs()).sum()) == 3


def test_nobody() -> None:
    p = people([0, 1], without=[0, 1])
    assert (p.persons, p.groups, p.bounds.tolist()) == (0, (), [0])
    assert p.left_out == {"zero vectors": 2}


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_impostor_pairs_are_those_of_a_loop(seed: int) -> None:
    p = random_people(seed)
    wanted = np.zeros((len(p.groups), len(p.groups)), dtype=int)
    for i in range(len(p.order)):
        for j in range(i):
            if p.person[i] != p.person[j]:
                a, b = sorted((p.group[p.person[i]], p.group[p.person[j]]))
                wanted[a, b] += 1
    assert np.triu(p.impostor_pairs()).tolist() == wanted.tolist()
    assert np.array_equal(p.impostor_pairs(), p.impostor_pairs().T)


def test_a_part_keeps_groups_and_numbers_persons_anew() -> None:
    p = random_people()
    places = np.flatnonzero(p.group[p.person] != 1)[::2]
    part = p.part(places)
    assert part.groups == p.groups
    assert part.order.tolist() == p.order[places].tolist()
    assert part.identity.tolist() == p.identity[places].tolist()
    assert np.array_equal(part.group[part.person], p.group[p.person[places]])
    assert sorted(set(part.person.tolist())) == list(range(part.persons))
    assert (np.diff(part.bounds) == np.bincount(part.group[part.person], minlength=4)).all()


def test_some_are_drawn_of_each_group_alike() -> None:
    rng = np.random.default_rng(0)
    sizes = {"a": 400, "b": 100, "c": 1, None: 2}
    group = [g for g, n in sizes.items() for _ in range(n) for _ in range(2)]
    p = people(np.repeat(np.arange(503), 2).tolist(), group)
    most = 10_000
    chosen = p.some(most, 3)
    assert np.array_equal(chosen, p.some(most, 3))
    assert not np.array_equal(chosen, p.some(most, 4))
    counts = np.bincount(p.group[chosen], minlength=4).tolist()
    # Few persons stay, as a group of one or two has no more.
    assert counts[2:] == [1, 2]
    assert counts[0] == pytest.approx(4 * counts[1], abs=4)
    part = p.part(np.flatnonzero(chosen[p.person]))
    assert 0.8 * most < np.triu(part.impostor_pairs()).sum() < 1.1 * most
    assert p.some(int(rng.integers(10**6, 10**7)), 0).all()
