// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Member, RegistryState} from "../../../src/interfaces/IOracleRegistry.sol";
import {EpochStatus} from "../../../src/interfaces/ISettlement.sol";
import {Books, Seen} from "./Books.sol";

/// @notice Likewise: order, time, quorums, prices, pauses, roles and stages.
contract RuleChecks is Books {
    uint256 private constant MAX_SUPPLY = 22_300_000e18;

    function checkRules() external view {
        invariant_06_eachEpochActivatesOnceInOrder();
        invariant_07_stateFollowsFromHistoryHoweverLate();
        invariant_16_anyTwoQuorumsShareAnHonestMember();
        invariant_17_pricesGoForwardAndBurnsFitTheBucket();
        invariant_18_aPauseEndsAndStopsBurnsAlone();
        invariant_19_noOrdinaryAccountHasARole();
        invariant_20_aVetoedStageLeavesNothing();
    }

    function invariant_06_eachEpochActivatesOnceInOrder() private view {
        uint64 epoch = settlement.nextEpoch();
        require(epoch == nextEpoch, "invariant 06: another next epoch");
        require(emission.nextEpoch() == epoch, "invariant 06: another epoch is minted next");
        require(escrow.debits().settledEpochs == epoch, "invariant 06: other epochs are debited");
        if (epoch != 0) {
            require(settlement.statusOf(epoch - 1) == EpochStatus.Active, "invariant 06: not active");
        }
        require(settlement.statusOf(epoch + 1) == EpochStatus.None, "invariant 06: out of order");
    }

    /// @dev The books know of an epoch what was burned, deposited and withdrawn until its end, and not when it was settled.
    function invariant_07_stateFollowsFromHistoryHoweverLate() private view {
        require(settlement.nextPool().pool == poolOf(nextEpoch), "invariant 07: another pool");
        require(
            escrow.openingOf(nextEpoch).heldIoAtEnd == heldAtEndOf(nextEpoch, IO_ASSET)
                && escrow.openingOf(nextEpoch).heldIosdAtEnd == heldAtEndOf(nextEpoch, IOSD_ASSET),
            "invariant 07: the escrow held something else at the epoch's end"
        );
        (uint32 version,) = paramsAt(nextEpoch);
        require(parameters.versionAt(nextEpoch) == version, "invariant 07: other parameters");
    }

    function invariant_16_anyTwoQuorumsShareAnHonestMember() private view {
        RegistryState memory state = registry.state();
        Member[] memory list = registry.members();
        (, uint256 n) = occupied(list);
        uint256 f = (n - 1) / 3;
        uint256 q = quorumOf(n);
        require(2 * q > n + f && q + f <= n, "invariant 16: two quorums may share no honest member");
        require(n - countBits(state.newest.suspended) >= q, "invariant 16: fewer than a quorum are active");
    }

    function invariant_17_pricesGoForwardAndBurnsFitTheBucket() private view {
        uint256 latest = feed.latestWord();
        uint256 round = latest & type(uint40).max;
        require(round == lastRound, "invariant 17: another round");
        if (round != 0) {
            require(latest >> 176 == lastPrice, "invariant 17: another price");
            require((latest >> 96) & type(uint80).max == lastEma, "invariant 17: another moving average");
        }
        require(burner.burnable() == room(), "invariant 17: another room in the bucket");
    }

    function invariant_18_aPauseEndsAndStopsBurnsAlone() private view {
        require(
            burner.pausedUntil() == pausedUntil && burner.pauses() == pauses, "invariant 18: another pause"
        );
        require(pausedUntil <= vm.getBlockTimestamp() + 72 hours, "invariant 18: a pause without end");
    }

    function invariant_19_noOrdinaryAccountHasARole() private view {
        require(
            io.minter() == address(emission) && io.burner() == address(burner)
                && iosd.burner() == address(burner) && iosd.escrow() == address(escrow)
                && emission.settlement() == address(settlement) && escrow.settlement() == address(settlement)
                && distributor.settlement() == address(settlement)
                && burner.distributor() == address(distributor) && parameters.timelock() == address(timelock)
                && registry.timelock() == address(timelock),
            "invariant 19: a role of another contract"
        );
        bytes32 proposer = timelock.PROPOSER_ROLE();
        bytes32 canceller = timelock.CANCELLER_ROLE();
        require(timelock.hasRole(proposer, address(governor)), "invariant 19: nobody can propose");
        for (uint256 i = 0; i < PEOPLE + HOSTILES + 2; ++i) {
            address one = address(0);
            if (i < PEOPLE) one = people[i];
            else if (i < PEOPLE + HOSTILES) one = hostiles[i - PEOPLE];
            else if (i == PEOPLE + HOSTILES) one = ALICE;
            require(
                !timelock.hasRole(proposer, one) && !timelock.hasRole(canceller, one)
                    && !timelock.hasRole(0, one),
                "invariant 19: an ordinary account has a role"
            );
        }
        require(timelock.getMinDelay() == TIMELOCK_DELAY_SEC, "invariant 19: another delay");
        require(trap.calls() == 0, "invariant 19: a contract called out");
    }

    /// @dev That nothing changes is compared around every stage and veto; this is that nothing stays staged.
    function invariant_20_aVetoedStageLeavesNothing() private view {
        (bool staged, uint64 epoch,,) = settlement.staged();
        require(staged == isStaged, "invariant 20: another stage");
        if (staged) require(epoch == nextEpoch, "invariant 20: another epoch is staged");
    }

    /// @notice What may only rise, or only so fast, after each action: what a check writes, forge forgets.
    function checkProgress() external {
        uint64 epoch = settlement.nextEpoch();
        require(epoch >= seen.epoch, "invariant 06: an epoch was settled again");
        for (uint256 i = 0; i < PEOPLE; ++i) {
            uint256 sum = distributor.claimedBy(people[i]);
            require(sum >= seenClaimed[people[i]], "invariant 09: a claim fell");
            seenClaimed[people[i]] = sum;
        }
        uint32 memberSet = registry.state().newest.memberSet;
        (, uint256 n) = occupied(registry.members());
        require(memberSet != seen.memberSet || n == seen.members, "invariant 16: a set changed");
        uint256 round = feed.latestWord() & type(uint40).max;
        require(round >= seen.round, "invariant 17: a round that went back");
        uint256 total = burner.totalBurned();
        require(total - seen.burned <= MAX_SUPPLY / 100, "invariant 17: more than a bucket at once");
        require(burner.pauses() - seen.pauses <= 1, "invariant 18: two pauses at once");
        seen = Seen(round, total, burner.pauses(), n, epoch, memberSet);
    }
}
