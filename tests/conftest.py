"""What the tests counted, told at the end: the output of tests that run side by side is lost."""


def pytest_terminal_summary(terminalreporter):
    told = [
        f"{report.nodeid.partition('[')[2].rstrip(']')}: {value}"
        for report in terminalreporter.getreports("passed")
        for name, value in report.user_properties
        if name == "states"
    ]
    if told:
        terminalreporter.section("states of the labs")
        for line in told:
            terminalreporter.write_line(line)
