"""Units of audio. Not in the code that decodes audio, so that an edit there does not train again."""

Seconds = float

SAMPLE_RATE = 16_000  # Hz, of every clip and of Whisper's input
FRAMES_PER_SECOND = 100  # of Whisper's log-mel spectrogram
SILENCE = 10 ** (-60 / 20)  # peak, share of full scale; audio below it is not audible: Whisper invents words for it
