// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IBurner} from "../../src/interfaces/IBurner.sol";
import {IEscrow} from "../../src/interfaces/IEscrow.sol";
import {Member, Signature} from "../../src/interfaces/IOracleRegistry.sol";
import {EpochPool, EpochReport, ISettlement} from "../../src/interfaces/ISettlement.sol";
import {Economy} from "../support/Economy.sol";

/// @notice Invariants that compare two histories, or hold for all sets and callers, by number.
contract InvariantLawsTest is Economy {
    uint40 private constant DISPUTE_SEC = 45;

    function begin() private {
        deployEconomy(DISPUTE_SEC);
        rotate(GROUP_SECRET, 0);
        giveIosd(ALICE, 1000e18);
        deposit(ALICE, IO_ASSET, 1000e18);
        deposit(ALICE, IOSD_ASSET, 1000e18);
    }

    function activateAfterDispute(EpochReport memory report) private {
        settle(report);
        waitUntil(settlement.activatesAt());
        settlement.activate(report);
    }

    // --- 07 ---

    /// @dev Everything that two settled epochs leave, however late they are settled and whatever happened meanwhile.
    function afterTwoEpochs(uint256[3] memory amounts, uint256 lateSec, bool isBusy)
        private
        returns (bytes32)
    {
        begin();
        burn(amounts[0]);
        endEpoch(0);
        burn(amounts[1]);
        endEpoch(1);
        waitUntil(block.timestamp + lateSec);
        vm.roll(block.number + 1 + lateSec / 12);
        if (isBusy) {
            burn(amounts[2]);
            deposit(ALICE, IO_ASSET, 1000e18);
            vm.prank(ALICE);
            escrow.requestWithdraw(IO_ASSET, 500e18);
        }
        uint256 supply = io.totalSupply();
        bytes32 state;
        for (uint256 i = 0; i < 2; ++i) {
            uint256 pool = settlement.nextPool().pool;
            EpochReport memory report = paying(pool / 3, pool / 2, 7e18, 5e18);
            report.rewardRoot = keccak256(abi.encode("rewards", i));
            report.debitRoot = keccak256(abi.encode("debits", i));
            // The most that may be debited is what it was at the epoch's end, too.
            EpochReport memory above = paying(0, 0, 0, (1000e18 - 5e18 * i) / 2 + 1);
            (address r, uint256 s) = signSchnorr(GROUP_SECRET, settlement.reportDigest(above));
            vm.expectRevert();
            settlement.settle(above, r, s);
            activateAfterDispute(report);
            state = keccak256(abi.encode(state, pool, settlement.reserve(), distributor.funded()));
        }
        (uint256 scheduled, uint256 net) = emission.totals();
        return keccak256(
            abi.encode(
                state,
                scheduled,
                net,
                io.totalSupply() - supply,
                escrow.debits().io,
                escrow.debits().iosd,
                distributor.root(),
                escrow.debits().root,
                io.balanceOf(address(distributor))
            )
        );
    }

    function testFuzz_invariant07_aLateSettlementGivesTheSameState(
        uint256[3] memory amounts,
        uint256 lateSec,
        bool isBusy
    ) external {
        for (uint256 i = 0; i < 3; ++i) {
            amounts[i] = bound(amounts[i], 1, 3000e18);
        }
        bytes32 inTime = afterTwoEpochs(amounts, 0, false);
        bytes32 late = afterTwoEpochs(amounts, bound(lateSec, 1, 29 days), isBusy);
        vm.assertEq(inTime, late);
    }

    // --- 13 ---

    function testFuzz_invariant13_hiresTakeNoMoreThanTheirPart(uint256 above) external {
        begin();
        endEpoch(0);
        EpochPool memory next = settlement.nextPool();
        uint256 pool = next.pool;
        uint256 most = ((pool - next.net) * epochParams().hiredBps) / 10_000 + next.net;
        above = bound(above, 1, 1_000_000e18);
        EpochReport memory report = paying(most + above, 0, 0, 0);
        (address r, uint256 s) = signSchnorr(GROUP_SECRET, settlement.reportDigest(report));
        vm.expectRevert(abi.encodeWithSelector(ISettlement.HiredAboveMaximum.selector, most + above, most));
        settlement.settle(report, r, s);
        activateAfterDispute(paying(most, pool - most, 0, 0));
        vm.assertEq(settlement.reserve(), 0);
    }

    // --- 16 ---

    /// @dev Two quorums of the same set share at least q + q − n members, of which at most f are not honest; and the f who
    /// are not cannot stop the others.
    function testFuzz_invariant16_anyTwoQuorumsShareAnHonestMember(uint256 n) external pure {
        n = bound(n, 1, 128);
        uint256 f = (n - 1) / 3;
        uint256 q = quorumOf(n);
        vm.assertGe(2 * q, n + f + 1);
        vm.assertLe(q + f, n);
    }

    /// @dev Of the registry: q − 1 signatures are refused and q taken, and removing a member lowers no quorum.
    function testFuzz_invariant16_noQuorumFallsByRemoval(uint256 n, bytes32 digest) external {
        n = bound(n, 4, 12);
        deployNetwork(n);
        uint256 q = quorumOf(n);
        Signature[] memory few = quorum(digest, 0, q - 1);
        vm.expectRevert();
        registry.verifyQuorum(digest, few);
        registry.verifyQuorum(digest, quorum(digest, 0, q));
        rotate(GROUP_SECRET, 0);
        if (n == 4) return;
        Member[] memory list = members(n);
        list[n - 1] = Member(address(0), 0);
        propose(list, 0);
        // Until the next rotation the removal has changed nothing.
        vm.expectRevert();
        registry.verifyQuorum(digest, few);
        rotate(GROUP_SECRET + 1, 0);
        Signature[] memory fewer = quorum(digest, 0, quorumOf(n - 1) - 1);
        vm.expectRevert();
        registry.verifyQuorum(digest, fewer);
    }

    // --- 18 ---

    function testFuzz_invariant18_aPauseStopsBurnsAlone(uint256 waitSec) external {
        begin();
        endEpoch(0);
        vm.prank(ALICE);
        escrow.requestWithdraw(IO_ASSET, 100e18);
        burner.pause(quorum(burner.pauseDigest(), 0, 2));
        uint256 pausedUntil = burner.pausedUntil();
        waitUntil(block.timestamp + bound(waitSec, 0, 1 days));
        vm.expectRevert(abi.encodeWithSelector(IBurner.Paused.selector, pausedUntil));
        burner.burnExactIn(1e18, 0, block.timestamp);

        EpochReport memory report = paying(0, 10e18, 0, 5e18);
        report.rewardRoot = rewardLeaf(BOB, 15e18);
        report.debitRoot = debitLeaf(ALICE, 0, 5e18);
        activateAfterDispute(report);
        vm.assertEq(distributor.claim(BOB, 15e18, new bytes32[](0)), 15e18);
        for (uint64 epoch = 1; epoch < 5; ++epoch) {
            waitUntil(START + (epoch + 1) * EPOCH_LENGTH_SEC);
            vm.roll(block.number + 1);
            activateAfterDispute(emptyReport());
        }
        vm.prank(ALICE);
        vm.assertEq(escrow.finish(IO_ASSET, 0, 5e18, new bytes32[](0)), 100e18);
        vm.assertTrue(block.timestamp < pausedUntil);
    }

    // --- 19 ---

    /// @dev Whoever it is: only the contracts themselves may do what is between them.
    function testFuzz_invariant19_nobodyHasARole(address caller, uint256 amount) external {
        begin();
        address[9] memory own = [
            address(io),
            address(burner),
            address(emission),
            address(distributor),
            address(escrow),
            address(settlement),
            address(timelock),
            address(registry),
            address(vm)
        ];
        for (uint256 i = 0; i < own.length; ++i) {
            vm.assume(caller != own[i]);
        }
        refuses(caller, address(io), abi.encodeCall(io.mint, (caller, amount)));
        refuses(caller, address(io), abi.encodeCall(io.burnFrom, (ALICE, amount)));
        refuses(caller, address(iosd), abi.encodeCall(iosd.mint, (caller, amount)));
        refuses(caller, address(iosd), abi.encodeCall(iosd.spend, (amount)));
        refuses(caller, address(emission), abi.encodeCall(emission.mintEpoch, (uint64(amount))));
        refuses(caller, address(escrow), abi.encodeCall(IEscrow.debit, (0, 0, 0, 0)));
        refuses(caller, address(escrow), abi.encodeCall(IEscrow.skip, (0)));
        refuses(caller, address(distributor), abi.encodeCall(distributor.fund, (0, bytes32(amount), 0)));
        refuses(caller, address(feed), abi.encodeCall(feed.setGroupKey, (9, amount, 0)));
        refuses(caller, address(settlement), abi.encodeCall(settlement.setGroupKey, (9, amount, 0)));
        refuses(caller, address(parameters), abi.encodeCall(parameters.set, (epochParams())));
        refuses(caller, address(registry), abi.encodeCall(registry.installSet, (members(5))));
        vm.assertFalse(timelock.hasRole(0, caller));
    }

    function refuses(address caller, address target, bytes memory data) private {
        vm.prank(caller);
        (bool ok,) = target.call(data);
        vm.assertFalse(ok);
    }

    // --- 20 ---

    function testFuzz_invariant20_aVetoedStageLeavesNothing(uint256 hired, uint256 debitIo, uint256 waitSec)
        external
    {
        begin();
        burn(100e18);
        endEpoch(0);
        uint256 pool = settlement.nextPool().pool;
        EpochReport memory report =
            paying(bound(hired, 0, pool / 2), pool / 3, bound(debitIo, 0, 1e18), bound(debitIo, 0, 500e18));
        report.rewardRoot = keccak256("stolen");
        bytes32 before = balances();
        settle(report);
        vm.assertEq(balances(), before);
        // Also after the time for disputes is over, as long as nobody has made it active.
        waitUntil(block.timestamp + bound(waitSec, 0, 30 days));
        settlement.veto(0, quorum(settlement.vetoDigest(), 0, 2));
        vm.assertEq(balances(), before);
        vm.expectRevert(abi.encodeWithSelector(ISettlement.NothingStaged.selector));
        settlement.activate(report);
    }

    function balances() private view returns (bytes32) {
        (uint256 scheduled, uint256 net) = emission.totals();
        return keccak256(
            abi.encode(
                abi.encode(io.totalSupply(), iosd.totalSupply(), scheduled, net, settlement.reserve()),
                abi.encode(distributor.root(), distributor.funded(), escrow.debits(), settlement.nextEpoch()),
                abi.encode(
                    io.balanceOf(address(escrow)), io.balanceOf(address(distributor)), io.balanceOf(ALICE)
                )
            )
        );
    }
}
