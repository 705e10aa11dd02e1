"""What numbers mean throughout: apart from the code that decodes audio, so that an edit there does not train again."""

Seconds = float

SAMPLE_RATE = 16_000  # Hz: of every clip, and what Whisper hears
FRAMES_PER_SECOND = 100  # of a log-mel spectrogram: Whisper takes one every 10 ms
SILENCE = 10 ** (-60 / 20)  # peak, of full scale: what stays under it is not audible, and Whisper invents words for it
