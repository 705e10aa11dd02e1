"""Draw child-like sentences from a small grammar, and random word lists.

The hash of a text decides to which part it belongs (pretraining, train, test or adult), so the parts share no text,
however many are drawn. The random word lists do not contain words that sound like another one ("to" and "two", "for"
and "four"), since without grammar even a listener could not tell which one is meant.
"""

import hashlib
import re
from collections.abc import Iterator

import numpy as np

# The hash values (0..255) of each part. Pretraining needs tens of thousands of sentences, the others a few hundred.
PARTS = {"pretraining": range(0, 184), "train": range(184, 216), "test": range(216, 240), "adult": range(240, 256)}

WORDS = {
    "animal": """dog cat horse rabbit mouse duck cow pig sheep goat lion tiger monkey elephant bird fish frog turtle
        snake spider bear fox wolf chicken kitten puppy hamster penguin giraffe zebra dolphin whale dragon dinosaur""",
    "animals": """dogs cats horses rabbits ducks cows pigs goats lions tigers monkeys elephants birds frogs turtles
        snakes spiders bears chickens kittens puppies penguins dragons dinosaurs""",
    "toy": """ball doll robot train puzzle kite balloon bike truck boat drum book crayon box castle rocket tractor
        scooter bucket blanket teddy guitar lego football marble yoyo""",
    "toys": "balls dolls robots puzzles kites balloons bikes trucks boats drums books crayons boxes rockets marbles",
    "food": """apple banana cookie sandwich pizza carrot cake orange strawberry pancake lemon tomato potato muffin
        biscuit pear melon egg""",
    "snack": "milk juice water bread cheese soup rice pasta chocolate honey butter jam popcorn yogurt salad cereal",
    "colour": "red blue green yellow purple pink brown black white orange golden silver grey",
    "size": "big little tiny huge small tall long short",
    "look": """funny happy sad angry hungry sleepy soft fluffy noisy quiet brave lazy clever silly friendly wet dirty
        clean old young beautiful scary""",
    "number": "two three four five six seven eight nine ten eleven twelve twenty",
    "person": """mummy daddy grandma grandpa sister brother cousin teacher friend baby uncle auntie doctor farmer
        neighbour nurse princess pirate wizard""",
    "place": """park garden kitchen school beach farm zoo forest library playground bedroom bathroom river mountain
        shop house hospital museum market swimming pool""",
    "spot": "table chair bed tree door window sofa bridge roof fence bush rock shelf stairs",
    "clothes": "hat coat shirt dress jacket scarf jumper helmet backpack necklace",
    "body": "nose hand foot head leg arm finger mouth ear elbow knee tummy",
    "saw": "saw found chased followed liked wanted loved heard touched painted hugged lost drew helped watched fed",
    "did": """jumped ran slept danced played sang laughed cried climbed waited walked swam sat shouted stopped fell
        hid rolled""",
    "doing": "running jumping sleeping singing dancing playing reading swimming painting cooking crying hiding",
    "verb": "play jump swim draw climb dance sing bake build help hide sleep paint cook count",
    "how": "quickly slowly loudly quietly happily carefully",
    "when": "today yesterday tomorrow tonight sometimes always",
    "day": "monday tuesday wednesday thursday friday saturday sunday",
    "weather": "sunny rainy cloudy windy snowy cold warm hot foggy",
    "time": "morning afternoon evening night birthday party holiday lunch breakfast dinner",
    "over": "under behind beside near over on",
    "subject": "he she we they i you",
}
WORDS = {kind: words.replace("swimming pool", "pool").split() for kind, words in WORDS.items()}

TEMPLATES = """
the {size} {animal} {did} {over} the {spot}
my {person} has a {colour} {toy}
i have {number} {animals} and a {toy}
can we go to the {place} {when}
the {look} {animal} {saw} the {look} {animal}
i like {snack} and {food} for {time}
there are {number} {colour} {toys} in the {place}
where is my {colour} {clothes}
{subject} {saw} a {size} {colour} {animal}
my {body} hurts because i fell {over} the {spot}
it is {weather} and the {animals} are {doing}
look at the {look} {animal} in the {place}
on {day} my {person} {saw} a {look} {animal}
please give me some {snack} and a {food}
the {person} and the {person} {did} {how}
i want to {verb} with my {person} in the {place}
why is the {animal} {doing} {over} the {spot}
{subject} {did} to the {place} with a {colour} {toy}
one {animal} and {number} {animals} {did} {how}
i put my {toy} {over} the {spot} and {did}
when it is {weather} we {verb} in the {place}
my {person} said that the {toy} is {colour}
do you want {snack} or {snack}
{number} {look} {animals} {saw} my {food}
the {animal} with the {size} {body} likes {snack}
we {did} {how} in the {time}
she gave her {person} a {food} and {number} {toys}
i can {verb} and {verb} but i can not {verb}
the {colour} {animal} lost its {clothes} {when}
yes i {saw} the {toy} but no one {did}
""".strip().splitlines()

HOMOPHONES = {"two", "to", "for", "four", "eight", "one", "i", "eye"}  # only in sentences, where the context decides
VOCABULARY = sorted(set(re.sub(r"{\w+}", "", " ".join(TEMPLATES)).split()).union({"an"}, *WORDS.values()))
LIST_WORDS = [word for word in VOCABULARY if word not in HOMOPHONES]


def part_of(text: str) -> str:
    """Return the part that a text belongs to; it depends on nothing but the text."""
    value = hashlib.sha256(text.encode()).digest()[0]
    return next(part for part, values in PARTS.items() if value in values)


def sentence(rng: np.random.Generator) -> str:
    """Draw a sentence: a template, and a word for each of its slots."""
    template = TEMPLATES[rng.integers(len(TEMPLATES))]
    filled = re.sub(r"{(\w+)}", lambda slot: str(rng.choice(WORDS[slot[1]])), template)
    return re.sub(r"\ba (?=[aeiou])", "an ", filled)


def word_list(rng: np.random.Generator) -> str:
    """Draw three to eight words in random order, which a decoder cannot guess from the words before."""
    return " ".join(rng.choice(LIST_WORDS, size=rng.integers(3, 9)))


def texts(part: str, rng: np.random.Generator, list_share: float = 0.0) -> Iterator[str]:
    """Yield texts of one part without end; a share of `list_share` of the texts drawn are word lists."""
    while True:
        text = word_list(rng) if rng.random() < list_share else sentence(rng)
        if part_of(text) == part:
            yield text
