"""SIPREC session recording of a simulated Webex Calling world: recorder, phones, providers."""
