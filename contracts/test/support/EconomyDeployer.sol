// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {TimelockController} from "@openzeppelin/contracts/governance/TimelockController.sol";

import {BurnerParams, IBurner} from "../../src/interfaces/IBurner.sol";
import {EmissionParams, IEmission} from "../../src/interfaces/IEmission.sol";
import {EpochTiming} from "../../src/interfaces/IEpochClock.sol";
import {IEscrow} from "../../src/interfaces/IEscrow.sol";
import {IGroupKeyConsumer} from "../../src/interfaces/IGroupKeyConsumer.sol";
import {Genesis, Pools} from "../../src/interfaces/IIO.sol";
import {IIOSD} from "../../src/interfaces/IIOSD.sol";
import {IModelRegistry} from "../../src/interfaces/IModelRegistry.sol";
import {IOracleRegistry} from "../../src/interfaces/IOracleRegistry.sol";
import {EpochParams, IParameters} from "../../src/interfaces/IParameters.sol";
import {IPriceFeed} from "../../src/interfaces/IPriceFeed.sol";
import {IRewardsDistributor} from "../../src/interfaces/IRewardsDistributor.sol";
import {ISettlement, SettlementLinks} from "../../src/interfaces/ISettlement.sol";
import {IWorkerRegistry} from "../../src/interfaces/IWorkerRegistry.sol";
import {Network} from "./Network.sol";
import {IVotingGovernor, IVotingIO} from "./Voting.sol";

struct Contracts {
    IVotingIO io;
    IIOSD iosd;
    IOracleRegistry registry;
    IPriceFeed feed;
    IBurner burner;
    IEmission emission;
    IParameters parameters;
    IWorkerRegistry workers;
    IModelRegistry models;
    IRewardsDistributor distributor;
    IEscrow escrow;
    ISettlement settlement;
    TimelockController timelock;
    IVotingGovernor governor;
}

/// @notice The values that the tests' economy is made from.
abstract contract EconomyValues is Network {
    address internal constant TIMELOCK = address(0x71);
    address internal constant BOB = address(0xB0B);
    uint64 internal constant LONGEST_HOLD = 2;
    uint256 internal constant TIMELOCK_DELAY_SEC = 14 days;
    uint256 internal constant YEARLY_NET_CAP = 60_000e18;
    uint256 internal constant HALVING_SEC = 730 days;
    uint256 internal constant LAUNCH_EMISSION = 12_000_000e18;
    uint8 internal constant IO_ASSET = 1;
    uint8 internal constant IOSD_ASSET = 2;

    function timing() internal pure returns (EpochTiming memory) {
        return EpochTiming(uint40(START), uint40(EPOCH_LENGTH_SEC));
    }

    function emissionParams() internal pure returns (EmissionParams memory) {
        return EmissionParams(uint96(LAUNCH_EMISSION), uint40(HALVING_SEC), uint96(YEARLY_NET_CAP));
    }

    function epochParams() internal pure returns (EpochParams memory) {
        return EpochParams({
            hiredBps: 7000,
            hireTaxBps: 500,
            feeBps: 200,
            gatewayBps: 500,
            maxDebitBps: 5000,
            targetWeight: 1000
        });
    }

    function deployEmission(address settlement_, EpochTiming memory timing_, EmissionParams memory params)
        internal
        returns (IEmission)
    {
        bytes memory arguments = abi.encode(address(io), address(burner), settlement_, timing_, params);
        return IEmission(vm.deployCode("Emission.sol:Emission", arguments));
    }

    function deployParameters(EpochTiming memory timing_, EpochParams memory params)
        internal
        returns (IParameters)
    {
        return deployParameters(TIMELOCK, timing_, params);
    }

    function deployParameters(address timelock, EpochTiming memory timing_, EpochParams memory params)
        internal
        returns (IParameters)
    {
        return IParameters(vm.deployCode("Parameters.sol:Parameters", abi.encode(timelock, timing_, params)));
    }

    function deployTimelock(uint256 delaySec, address governor) internal returns (TimelockController) {
        return
            TimelockController(
                payable(vm.deployCode("Timelock.sol:Timelock", abi.encode(delaySec, governor)))
            );
    }

    function deployEscrow(
        address settlement_,
        address distributor_,
        uint64 longestHold,
        EpochTiming memory timing_
    ) internal returns (IEscrow) {
        bytes memory arguments = abi.encode(
            address(io), address(iosd), settlement_, distributor_, longestHold, timing_
        );
        return IEscrow(vm.deployCode("Escrow.sol:Escrow", arguments));
    }
}

/// @notice Wires the whole network as a deployment wires it. A contract of its own: in their base it would be compiled
/// into every test.
contract EconomyDeployer is EconomyValues {
    function deploy(uint40 disputeSec, uint256 genesisAmount) external returns (Contracts memory all) {
        address[14] memory at;
        uint256 nonce = vm.getNonce(address(this));
        for (uint256 i = 0; i < 14; ++i) {
            at[i] = vm.computeCreateAddress(address(this), nonce + i);
        }
        Genesis[] memory genesis = new Genesis[](1);
        genesis[0] = Genesis(ALICE, genesisAmount);
        io = IVotingIO(
            vm.deployCode("IO.sol:IO", abi.encode(at[5], at[4], Pools(at[11], at[10], at[9]), genesis))
        );
        iosd = IIOSD(vm.deployCode("IOSD.sol:IOSD", abi.encode(at[4], at[10])));
        IGroupKeyConsumer[] memory consumers = new IGroupKeyConsumer[](2);
        consumers[0] = IGroupKeyConsumer(at[3]);
        consumers[1] = IGroupKeyConsumer(at[11]);
        registry = deployRegistry(members(4), noServices(), consumers, at[12]);
        feed = deployFeed(feedParams());
        burner = deployBurner(at[9], BurnerParams(uint40(START), uint40(EPOCH_LENGTH_SEC)));
        all.emission = deployEmission(at[11], timing(), emissionParams());
        all.parameters = deployParameters(at[12], timing(), epochParams());
        all.workers = IWorkerRegistry(
            vm.deployCode("WorkerRegistry.sol:WorkerRegistry", abi.encode(address(registry)))
        );
        all.models = IModelRegistry(vm.deployCode("ModelRegistry.sol:ModelRegistry", abi.encode(timing())));
        all.distributor = IRewardsDistributor(
            vm.deployCode(
                "RewardsDistributor.sol:RewardsDistributor", abi.encode(address(io), at[11], address(burner))
            )
        );
        all.escrow = deployEscrow(at[11], at[9], LONGEST_HOLD, timing());
        SettlementLinks memory links = SettlementLinks(at[2], at[0], at[5], at[9], at[10], at[6]);
        all.settlement =
            ISettlement(vm.deployCode("Settlement.sol:Settlement", abi.encode(links, timing(), disputeSec)));
        all.timelock = deployTimelock(TIMELOCK_DELAY_SEC, at[13]);
        all.governor = IVotingGovernor(
            payable(vm.deployCode(
                    "IOGovernor.sol:IOGovernor", abi.encode(address(io), address(all.timelock))
                ))
        );
        require(address(all.settlement) == at[11] && address(all.governor) == at[13], "addresses");
        (all.io, all.iosd, all.registry, all.feed, all.burner) = (io, iosd, registry, feed, burner);
    }
}
