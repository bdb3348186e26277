import pytest
from pydantic import ValidationError

from gateway.carriers.errors import CarrierUnknown, PortTaken
from gateway.carriers.faults import FaultSpec
from gateway.carriers.profile import Registration
from gateway.carriers.service import CarriersService
from gateway.carriers.settings import CarriersSettings
from gateway.runtime.clock import WorldClock
from gateway.runtime.metrics import Metrics
from gateway.smpp.aio import connect
from gateway.smpp.pdu import BindTransceiver, SubmitSm

GUEST = {"system_id": "guest", "password": "guest", "numbers": ["+12025550190"]}
NETWORK = {"profile": {"accounts": [GUEST]}}


def settings(**fields):
    fields.setdefault("networks", {"one": NETWORK, "two": NETWORK})
    return CarriersSettings.model_validate({"port": 0} | fields)


@pytest.fixture
async def service():
    made = CarriersService(settings(), WorldClock(frozen=True), Metrics(process=False))
    await made.start()
    yield made
    await made.stop()


def test_ports_follow_the_first():
    found = settings(
        port=2775, networks={"a": NETWORK, "b": NETWORK | {"port": 9000}, "c": NETWORK | {"enabled": False}}
    )
    assert found.ports() == {"a": 2775, "b": 9000, "c": 2777}
    assert settings().ports() == {"one": 0, "two": 0}


def test_what_the_gateway_believes_is_none_of_our_business():
    settings(networks={"one": NETWORK | {"terms": {"anything": "goes"}}})
    with pytest.raises(ValidationError):
        settings(networks={"one": NETWORK | {"believes": 1}})


async def test_every_carrier_runs(service):
    assert [state.name for state in service.states()] == ["one", "two"]
    assert len({state.port for state in service.states()}) == 2
    assert all(state.behaviour == "healthy" for state in service.states())


async def test_only_some():
    made = CarriersService(settings(), WorldClock(frozen=True), only=["two"])
    assert list(made.carriers) == ["two"]
    with pytest.raises(CarrierUnknown, match="there are one, two"):
        CarriersService(settings(), WorldClock(frozen=True), only=["three"])


async def test_a_disabled_carrier_does_not_run():
    made = CarriersService(settings(networks={"one": NETWORK | {"enabled": False}}), WorldClock(frozen=True))
    assert not made.carriers


async def test_a_taken_port_stops_those_that_had_started(service):
    taken = service.states()[0].port
    clash = settings(networks={"first": NETWORK, "second": NETWORK | {"port": taken}})
    made = CarriersService(clash, WorldClock(frozen=True))
    with pytest.raises(PortTaken, match=r"carriers\.networks\.second\.port"):
        await made.start()
    assert made.carrier("first").connections == set()


async def test_changing_behaviour_and_faults_apart(service):
    fault = FaultSpec(kind="lost", rate=0.5)
    assert service.configure("one", "flaky").behaviour == "flaky"
    state = service.configure("one", faults=[fault])
    assert (state.behaviour, state.faults) == ("flaky", (fault,))
    assert service.configure("one", "healthy").faults == (fault,)
    assert service.carrier("two").state().behaviour == "healthy"
    with pytest.raises(KeyError):
        service.configure("one", "sleepy")
    with pytest.raises(CarrierUnknown):
        service.configure("three", "healthy")


async def test_a_text_over_a_carriers_port_and_back(service):
    port = service.carrier("two").port
    bind = BindTransceiver(system_id="guest", password="guest", interface_version=0x34)
    esme = await connect("127.0.0.1", port, bind=bind)
    submit = SubmitSm(source_addr="12025550190", source_addr_ton=1, destination_addr="13105557000")
    assert (await esme.submit(submit)).message_id
    (state,) = [state for state in service.states() if state.binds]
    assert (state.name, state.binds[0].submits, state.decisions) == ("two", 1, {"delivered": 1})
    assert service.inject("two", "+13105550124", "+12025550190", "hello") == 1
    assert service.carrier("two").mailbox("guest").receivers == 1
    await service.drain(1.0)
    assert (await esme.wait_closed()).reason.value == "peer_unbound"


async def test_registrations_are_replaced_per_carrier(service):
    row = Registration.model_validate({"numbers": ["+12025550100"], "brand": "b", "campaign": "c"})
    service.replace_registrations({"one": [row]})
    assert service.carrier("one").enforcement.registration("+12025550100") == row
    assert service.carrier("two").enforcement.registration("+12025550100") is None
