"""What a corpus is read into: utterances, speakers, sessions; and the files it is read from."""
