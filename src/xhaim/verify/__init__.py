"""Does a sentence hold? Its claims against the words that it cites: rules first, then small trained models."""
